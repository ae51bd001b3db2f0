variable "name" {
  description = "Beginning of the functions', roles' and queues' names."
  type        = string
}

variable "account_id" {
  description = "Account of everything."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
}

variable "package" {
  description = "Path of the zip that `make lambda` builds."
  type        = string
}

variable "architecture" {
  description = "Processor that the zip has to be for; empty: either."
  type        = string
}

variable "bucket" {
  description = "The bucket of photographs."
  type        = object({ name = string, arn = string })
}

variable "table" {
  description = "The table of faces."
  type        = object({ name = string, arn = string })
}

variable "collection" {
  description = "The collection of faces."
  type        = object({ id = string, arn = string })
}

variable "settings" {
  description = "Further settings of Kenspeckle, without the prefix."
  type        = map(string)
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
}

variable "collections" {
  description = "Patterns of the ids of collections that the functions may use."
  type        = list(string)
}

variable "delete_collections" {
  description = "The API may delete these collections."
  type        = bool
}

variable "cors_origins" {
  description = "Origins whose pages may call the API."
  type        = list(string)
}

variable "master_key" {
  description = "Key that receipts of erasure are signed with; empty: they are not."
  type        = string
  sensitive   = true
}
