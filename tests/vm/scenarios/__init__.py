"""What is tested in the guest. Each test finds the cards of ``tests.vm.topology`` and leaves them as they were."""
