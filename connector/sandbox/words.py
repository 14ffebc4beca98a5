"""The words that rooms, people and messages are made of, in several scripts."""

PEOPLE = (
    ("Ada", "Sandler", "ada.sandler"),
    ("Bruno", "Müller", "bruno.mueller"),
    ("Чайка", "Орлова", "chaika.orlova"),
    ("美咲", "田中", "misaki.tanaka"),
    ("Ελένη", "Παππά", "eleni.pappa"),
    ("ليلى", "حداد", "layla.haddad"),
    ("Łukasz", "Żak", "lukasz.zak"),
    ("दीपक", "शर्मा", "deepak.sharma"),
    ("Noa", "בן-דוד", "noa.bendavid"),
    ("지훈", "김", "jihoon.kim"),
    ("Zoë", "O'Neill", "zoe.oneill"),
    ("José", "Núñez", "jose.nunez"),
    ("伟", "陈", "wei.chen"),
    ("Ngọc", "Trần", "ngoc.tran"),
    ("สมชาย", "ใจดี", "somchai.jaidee"),
)
"""Given name, family name, mailbox. The first is the owner of the token."""

TITLES = (
    "Release planning",
    "Küchenrunde",
    "Проект «Север»",
    "設計レビュー",
    "Ομάδα δοκιμών",
    "فريق المبيعات",
    "R&D <internal>",
    "परियोजना बैठक",
    "🚀 Launch crew",
    "בדיקות מערכת",
    "제품 회의",
    "Équipe façade / nuit",
    '数据 "迁移"',
)
"""Titles of group rooms; they recur, numbered, when there are more rooms."""

SENTENCES = (
    "The build is green again.",
    "Could someone look at the numbers before noon?",
    "I moved the meeting to Thursday.",
    "Die Prüfung läuft, Größe und Maß stimmen.",
    "On se retrouve à l'entrée, près du café ☕.",
    "¿Quién tiene la última versión?",
    "Отчёт готов, посмотрите, пожалуйста.",
    "明日の会議は十時からです。",
    "数据已经迁移完毕，请检查。",
    "الاجتماع القادم يوم الأحد.",
    "הקובץ המעודכן נמצא כאן.",
    "कृपया इसे आज ही देख लें।",
    "회의록을 공유했습니다.",
    "Η δοκιμή πέρασε χωρίς λάθη.",
    "ประชุมเลื่อนเป็นวันศุกร์",
    "If a < b && b > c, the filter is wrong.",
    "See https://example.com/?q=1&lang=en for the draft.",
    'He said "ship it" and it\'s done.',
    "Thanks a lot! 🎉",
    "Family photo: 👩‍👩‍👧‍👦, flag: 🇺🇳, thumbs: 👍🏽.",
    "Cafe\u0301 and naïve, one combining, one not.",
    "First line.\nSecond line.\tTabbed.",
    "Zażółć gęślą jaźń.",
    "Price: 12 € – 5 % off.",
)

FILE_STEMS = ("report", "Отчёт", "議事録", 'résumé "final"', "تقرير", "plan (v2)", "ελέγχος")
