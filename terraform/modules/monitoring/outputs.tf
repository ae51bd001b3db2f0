output "dashboard" {
  description = "Address of the dashboard."
  value = join("", [
    "https://${lookup(local.consoles, data.aws_partition.current.partition, local.consoles.aws)}/cloudwatch/home",
    "?region=${data.aws_region.current.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}",
  ])
}
