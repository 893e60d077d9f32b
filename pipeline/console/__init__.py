"""The console: web pages on which guardians, IG officers, approvers and data leads see and decide.

It holds no rule of its own. What is shown is what `pipeline.questions` and `pipeline.reporting` say; what is
decided goes the way it goes from the command line, under the same checks.

    application.py   puts it together          pages/       one module for each page, and what is done there
    permissions.py   who may what, one table   templates/   how pages look      static/   stylesheet, passkeys
    visit.py         one person's request      entrances/   how people get in
    decisions.py     what is decided           deciding.py, errands.py, apart.py   no page waits for it
    people.py        whom a sign-on stands for
"""
