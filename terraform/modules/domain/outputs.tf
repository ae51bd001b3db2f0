output "url" {
  description = "Where the API answers under its own name."
  value       = "https://${aws_api_gateway_base_path_mapping.this.domain_name}"
}
