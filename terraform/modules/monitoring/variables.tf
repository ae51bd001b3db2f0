variable "name" {
  description = "Beginning of the alarms' names and name of the dashboard."
  type        = string
}

variable "api" {
  description = "Name of the REST API and its stage."
  type        = object({ name = string, stage = string })
}

variable "functions" {
  description = "Names of the functions, by what they do."
  type        = map(string)
}

variable "queues" {
  description = "Names of the queue of events and of the one of events that failed for good."
  type        = object({ events = string, failed = string })
}

variable "table" {
  description = "Name of the table of faces."
  type        = string
}

variable "email" {
  description = "Address that alarms are mailed to; empty: none."
  type        = string
}
