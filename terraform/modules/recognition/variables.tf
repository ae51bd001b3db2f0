variable "collection" {
  description = "Id of the collection of faces."
  type        = string
}
