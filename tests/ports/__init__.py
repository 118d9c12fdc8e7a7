"""The language of the system: values, their plain forms and their checks."""
