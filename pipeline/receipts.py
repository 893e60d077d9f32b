"""What recipients did with what they were sent: collected, acknowledged, destroyed; and what is overdue."""
