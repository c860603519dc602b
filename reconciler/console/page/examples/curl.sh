TOKEN=$(curl -sS --fail-with-body -u "$CLIENT_ID:$CLIENT_SECRET" \
  -d grant_type=client_credentials "[[.TokenEndpoint]]" |
  sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
curl -i -H "[[.Header]]: [[.Prefix]]$TOKEN" "[[.URL]]/"
