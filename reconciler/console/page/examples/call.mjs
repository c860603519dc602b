const key = `${process.env.CLIENT_ID}:${process.env.CLIENT_SECRET}`;
const answer = await fetch("[[.TokenEndpoint]]", {
  method: "POST",
  headers: { Authorization: "Basic " + Buffer.from(key).toString("base64") },
  body: new URLSearchParams({ grant_type: "client_credentials" }),
});
if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
const { access_token: token } = await answer.json();

const response = await fetch("[[.URL]]/", { headers: { "[[.Header]]": "[[.Prefix]]" + token } });
console.log(response.status, await response.text());
