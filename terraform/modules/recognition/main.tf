# The collection that holds the templates of faces. Rekognition has no backup of it: destroying it is for good.

resource "aws_rekognition_collection" "faces" {
  collection_id = var.collection
}
