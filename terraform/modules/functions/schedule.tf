# Once an hour the housekeeper is called: a server does the same by itself.

resource "aws_cloudwatch_event_rule" "hourly" {
  name                = "${var.name}-hourly"
  description         = "Calls the housekeeper of Kenspeckle."
  schedule_expression = "rate(1 hour)"
}

resource "aws_cloudwatch_event_target" "housekeeper" {
  rule = aws_cloudwatch_event_rule.hourly.name
  arn  = aws_lambda_function.this["housekeeper"].arn
}

resource "aws_lambda_permission" "hourly" {
  statement_id  = "hourly"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["housekeeper"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.hourly.arn
}
