import base64, json, os, urllib.parse, urllib.request

key = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}"
form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
request = urllib.request.Request("[[.TokenEndpoint]]", data=form)
request.add_header("Authorization", "Basic " + base64.b64encode(key.encode()).decode())
with urllib.request.urlopen(request) as response:
    token = json.load(response)["access_token"]

call = urllib.request.Request("[[.URL]]/")
call.add_header("[[.Header]]", "[[.Prefix]]" + token)
with urllib.request.urlopen(call) as response:
    print(response.status, response.read().decode())
