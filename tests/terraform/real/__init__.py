"""The real Terraform and checkov on `terraform/`: `make check-terraform`, in an environment of its own."""
