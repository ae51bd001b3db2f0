variable "name" {
  description = "Name of the table and beginning of the bucket's name."
  type        = string
}

variable "account_id" {
  description = "End of the bucket's name, which has to be unique in all of AWS."
  type        = string
}

variable "version_days" {
  description = "Days that older versions of photographs are kept."
  type        = number
}

variable "incoming_days" {
  description = "Days that photographs stay in incoming/ where they can't be indexed."
  type        = number
}

variable "force_destroy" {
  description = "Let destroy delete photographs and faces."
  type        = bool
}
