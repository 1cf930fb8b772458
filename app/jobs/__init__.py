"""What happens outside web requests: workers take rows, call the platform or a mail server, and write the result."""
