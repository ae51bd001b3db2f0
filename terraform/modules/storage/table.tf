# Faces and their photographs, users and settings of collections: what src/kenspeckle/aws/rows.py writes.

resource "aws_dynamodb_table" "faces" {
  #checkov:skip=CKV_AWS_119:Encrypted with the key that AWS keeps for DynamoDB in this account; one's own is a dollar a month and a way to lose every face.
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "FaceId"
  deletion_protection_enabled = !var.force_destroy

  attribute {
    name = "FaceId"
    type = "S"
  }

  attribute {
    name = "CollectionId"
    type = "S"
  }

  attribute {
    name = "Name"
    type = "S"
  }

  attribute {
    name = "Order"
    type = "S"
  }

  # Both hold keys only: rows are read by their own key.
  global_secondary_index {
    name            = "ByCollection"
    hash_key        = "CollectionId"
    range_key       = "Order"
    projection_type = "KEYS_ONLY"
  }

  global_secondary_index {
    name            = "ByName"
    hash_key        = "Name"
    range_key       = "Order"
    projection_type = "KEYS_ONLY"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}
