# How an OpenBAO of the suite keeps its data: integrated storage of one node, on
# a disk of its own, with plain http on the containers' own network.
storage "raft" {
  path    = "/openbao/file"
  node_id = "e2e"
}
listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}
api_addr     = "http://openbao:8200"
cluster_addr = "http://openbao:8201"
