variable "tags" {
  description = "Tags that the collection begins with."
  type        = map(string)
}

variable "collection" {
  description = "Id of the collection of faces."
  type        = string
}
