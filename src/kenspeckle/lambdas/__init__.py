"""The service as three AWS Lambda functions over the managed recognizer. docs/lambda.md says how they are set up.

`kenspeckle.lambdas.api.handler` answers API Gateway with the REST API.
`kenspeckle.lambdas.inbox.handler` indexes photographs that are put into the bucket under `incoming/`.
`kenspeckle.lambdas.housekeeper.handler` erases, once an hour, what is too old and what was left half done.
"""
