"""Ordinary names and invented streets that the demonstration's families are made from.

Common given and family names, put together at random; no street here is meant to exist, and the
post town does not, so that no card can ever be posted by mistake.
"""

from __future__ import annotations

GIRLS = (
    "Amelia", "Olivia", "Isla", "Ava", "Lily", "Mia", "Freya", "Florence", "Ivy", "Willow", "Aisha",
    "Maryam", "Fatima", "Zara", "Priya", "Anaya", "Zoë", "Chloé", "Sophia", "Grace", "Evie", "Poppy",
    "Elsie", "Harriet", "Maja", "Zuzanna", "Chidinma", "Amara", "Mei", "Niamh", "Erin", "Seren",
    "Anna-Maria", "Matilda", "Rosie", "Daisy",
)  # fmt: skip

BOYS = (
    "Noah", "Oliver", "George", "Leo", "Arthur", "Muhammad", "Theo", "Archie", "Jack", "Henry", "Yusuf",
    "Ibrahim", "Arjun", "Rohan", "Jakub", "Kacper", "José", "André", "Finlay", "Rory", "Dylan", "Rhys",
    "Callum", "Ethan", "Emeka", "Kofi", "Wei", "Samuel", "Jude", "Luca", "Ezra", "Joshua", "Thomas",
    "William", "Jean-Paul", "Reuben",
)  # fmt: skip

PARENTS = (
    "Emma", "Sarah", "Laura", "Rebecca", "Charlotte", "Hannah", "Amy", "Jessica", "Katie", "Gemma",
    "Nadia", "Samira", "Sunita", "Deepa", "Agnieszka", "Katarzyna", "Ngozi", "Abena", "Ling", "Siobhán",
    "Bronwen", "Helen", "Ruth", "Claire", "Joanna", "Fiona", "Natalie", "Victoria", "Leanne", "Stacey",
)  # fmt: skip

FAMILIES = (
    "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel", "Robinson",
    "Wright", "Thompson", "Evans", "Walker", "White", "Roberts", "Green", "Hall", "Wood", "Jackson",
    "Khan", "Hussain", "Ahmed", "Begum", "Singh", "Kaur", "Sharma", "Nowak", "Kowalska", "Wójcik",
    "Okafor", "Mensah", "Adeyemi", "Chen", "Nguyen", "O'Neill", "O'Connor", "McDonald", "Campbell",
    "Llewellyn", "Hughes", "Price", "Turner", "Cooper", "Ward", "Baker", "Harris", "Clarke", "King",
    "Müller", "García", "Silva", "Popescu", "Petrov", "Smith-Jones", "Ali", "Mohamed", "Carter",
)  # fmt: skip

STREETS = (
    "Lanternmoth Lane", "Thimblewick Road", "Owlfeather Close", "Marmalade Rise", "Kitecatcher Way",
    "Puddlewright Street", "Bramblethatch Avenue", "Sixpenny Larch", "Whistlefern Drive", "Otterbell Mews",
    "Candlewren Court", "Dandelion Clock Road", "Hatmaker's Hollow", "Moonrake Gardens", "Tumblestone Row",
    "Quillfeather Crescent", "Saddlebee Lane", "Paperboat Terrace", "Foxglovemaker Road", "Nutmeg Parade",
)  # fmt: skip

POST_TOWN = "Sampleton"

# What a maternity system writes before the parents have named the child.
TEMPORARY_NAMES = ("BABY", "Baby Boy", "Baby Girl", "Infant", "MALE INFANT", "Female Infant")

LANGUAGES = ("en", "pl", "ur", "pa", "bn", "ro", "ar", "so", "pt")
