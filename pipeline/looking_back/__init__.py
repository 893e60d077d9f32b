"""Questions about months that are over: previews of agreements, and one family's decisions explained."""
