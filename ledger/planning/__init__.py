"""What jobs there are: kinds, sites, the plan and `ledger init`."""
