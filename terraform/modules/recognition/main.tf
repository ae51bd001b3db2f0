# The collection that holds the templates of faces. Rekognition has no backup of it: destroying it is for good.

resource "aws_rekognition_collection" "faces" {
  collection_id = var.collection

  tags = var.tags

  # Clients set tags on it over the API (TagResource) and may remove these: what they did last holds. Tags that the provider sets on
  # everything would come back all the same, so this module is given one without.
  lifecycle {
    ignore_changes = [tags]
  }
}
