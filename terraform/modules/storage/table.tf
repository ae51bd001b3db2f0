# Faces and their photographs, users and settings of collections: what src/kenspeckle/aws/rows.py writes.

resource "aws_dynamodb_table" "faces" {
  #checkov:skip=CKV_AWS_119:Encrypted with DynamoDB's own key; one in KMS costs each request, and is a way to lose every face.
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
    projection_type = "KEYS_ONLY"

    key_schema {
      attribute_name = "CollectionId"
      key_type       = "HASH"
    }

    key_schema {
      attribute_name = "Order"
      key_type       = "RANGE"
    }
  }

  global_secondary_index {
    name            = "ByName"
    projection_type = "KEYS_ONLY"

    key_schema {
      attribute_name = "Name"
      key_type       = "HASH"
    }

    key_schema {
      attribute_name = "Order"
      key_type       = "RANGE"
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  # Encrypted all the same, with a key of DynamoDB's own, which is free; `true` would mean the account's, which bills each request.
  server_side_encryption {
    enabled = false
  }
}
