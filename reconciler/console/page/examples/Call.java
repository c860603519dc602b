import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;
import java.util.regex.Pattern;

public class Call {
  public static void main(String[] args) throws Exception {
    var http = HttpClient.newHttpClient();
    var key = System.getenv("CLIENT_ID") + ":" + System.getenv("CLIENT_SECRET");
    var ask = HttpRequest.newBuilder(URI.create("[[.TokenEndpoint]]"))
        .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(key.getBytes()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials"))
        .build();
    var answer = http.send(ask, BodyHandlers.ofString());
    var token = Pattern.compile("\"access_token\"\\s*:\\s*\"([^\"]+)\"").matcher(answer.body());
    if (!token.find()) throw new IllegalStateException(answer.statusCode() + " " + answer.body());

    var call = HttpRequest.newBuilder(URI.create("[[.URL]]/"))
        .header("[[.Header]]", "[[.Prefix]]" + token.group(1))
        .build();
    var response = http.send(call, BodyHandlers.ofString());
    System.out.println(response.statusCode() + " " + response.body());
  }
}
