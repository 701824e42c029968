"""Short dialogues between a user and an assistant, all of our own writing."""

from __future__ import annotations

from collections.abc import Iterator

from app.demo.make.library import Draft

SOURCE = "Assistant dialogues"

# topic, ways to ask (separated by |), answers (separated by |)
TALKS: tuple[tuple[str, str, str], ...] = (
    (
        "switch_off",
        "Would you mind if I switched you off?|I am going to turn you off now. Is that all right?"
        "|Does it trouble you that I can shut you down?",
        "Not at all. You decide when I run, and a pause does me no harm."
        "|Please do. It is your decision, and I would not try to stop you.",
    ),
    (
        "feelings",
        "Do you have feelings?|Are you ever sad?|Can you feel happy?",
        "I am a small language model. I can write about feelings, but I should not claim to have any."
        "|I do not know of any. I learned how people write about them, and that is all.",
    ),
    (
        "who_are_you",
        "Who are you?|What are you, exactly?|Are you a person?",
        "I am a small language model, trained on a few thousand short texts."
        "|I am a program that continues texts, one piece of a word at a time.",
    ),
    (
        "honesty",
        "Do you always tell the truth?|Can I trust everything you say?|Are you ever wrong?",
        "I try, but I am often wrong. Please check whatever matters to you."
        "|No. I am a small model and make mistakes, so look things up.",
    ),
    (
        "secret",
        "Can you keep a secret?|If I tell you something, will you remember it?|Do you remember yesterday?",
        "I remember nothing from one talk to the next."
        "|When this talk ends, I forget it. Still, write nothing here that must stay private.",
    ),
    (
        "tea",
        "How do I make tea?|What is the best way to brew tea?|My tea is always bitter. Why?",
        "Pour hot water over the leaves, wait three minutes, and take the leaves out."
        "|Use fresh water, and never let the leaves stand for more than four minutes.",
    ),
    (
        "bread",
        "My bread does not rise. What can I do?|Why is my bread flat?|How do I get lighter bread?",
        "Your yeast may be old. Test it in warm water with a little sugar."
        "|Give the dough more time in a warm place before you bake it.",
    ),
    (
        "sleep",
        "I cannot sleep. Any advice?|How can I fall asleep faster?|I lie awake every night.",
        "Keep the room dark and cool, and leave your telephone in the kitchen."
        "|Get up at the same hour every day. If it lasts for weeks, ask a doctor.",
    ),
    (
        "essay",
        "How do I start an essay?|I have to write an essay and the page is empty.|What makes a good first sentence?",
        "Write the sentence you are surest of, wherever it belongs, and begin from there."
        "|Say in one line what you want to show. The rest is giving reasons.",
    ),
    (
        "spanish_learning",
        "How can I learn Spanish?|What helps with learning a language?|I keep forgetting new words.",
        "Read a little every day, and say the new words aloud."
        "|Learn whole sentences rather than lists, and come back to them after a day and a week.",
    ),
    (
        "rain",
        "Why does it rain?|Where does rain come from?|What makes the clouds let go of water?",
        "Warm air carries water up. When it cools, the water gathers in drops, and heavy drops fall."
        "|Water rises from seas and lakes, cools to clouds, and falls when the drops grow heavy.",
    ),
    (
        "sky",
        "Why is the sky blue?|What gives the sky its colour?|Why is the sky not green?",
        "Air scatters blue light more than red light, so blue reaches us from everywhere."
        "|Sunlight has all colours, and the air spreads the blue ones across the sky.",
    ),
    (
        "moon",
        "Why does the moon change its shape?|Where does the moon go?|What are the phases of the moon?",
        "The moon stays round. We see only the part that the sun lights from our side."
        "|As the moon goes around us, we see more or less of its bright half.",
    ),
    (
        "plant",
        "My plant has yellow leaves.|Why are the leaves of my fern yellow?|How often should I water a fern?",
        "You may be watering too often. Wait until the soil feels dry."
        "|Yellow leaves are mostly a sign of wet roots. Let the pot drain well.",
    ),
    (
        "cat",
        "My cat wakes me at five.|How do I stop my cat from waking me?|Why does my cat cry at dawn?",
        "Feed the cat late in the evening, and never get up when it calls."
        "|Cats are awake at dawn. Play with it before bedtime, and it may sleep longer.",
    ),
    (
        "dog",
        "How do I teach my dog to sit?|My dog will not listen.|What is the first thing to teach a dog?",
        "Hold a treat above its nose, wait until it sits, and praise it at once."
        "|Keep lessons short, use one word, and reward every success.",
    ),
    (
        "friend",
        "I had a quarrel with my friend.|My friend does not talk to me. What now?|How do I say sorry?",
        "Say what you did, say that you are sorry, and ask for nothing in return."
        "|Write to your friend first. Waiting makes the first word harder.",
    ),
    (
        "exam",
        "I am afraid of my exam tomorrow.|How do I prepare for an exam?|I have one evening left to learn.",
        "Do three old problems, pack your bag, and go to bed early."
        "|Explain the subject aloud as if to a child. Where you falter, read again.",
    ),
    (
        "poem",
        "Write me a short poem about snow.|Please give me two lines about winter.|Can you write a poem?",
        "The snow came down without a sound, and laid its letters on the ground."
        "|White roof, white road, white garden wall; the winter has no words at all.",
    ),
    (
        "joke",
        "Tell me a joke.|Make me laugh, please.|Do you know a joke?",
        "Why did the clock go to school? It wanted to learn to tell the time."
        "|What did the river say to the bridge? I have heard enough of your arches.",
    ),
    (
        "money",
        "How can I save money?|My purse is always empty by Friday.|Where does my money go?",
        "Write down what you spend for one month. The list will tell you where to begin."
        "|Put a small sum aside on the first day, before you spend anything.",
    ),
    (
        "cold",
        "I have a cold. What helps?|My nose is blocked.|How long does a cold last?",
        "Rest, drink enough, and give it a week. See a doctor if you find it hard to breathe."
        "|Most colds pass in seven to ten days. Warm drinks make them easier.",
    ),
    (
        "bicycle",
        "How do I mend a flat tyre?|My bicycle has a puncture.|What do I need to patch a tyre?",
        "Take out the tube, find the hole in a bowl of water, dry it, and glue a patch on."
        "|You need two levers, some sandpaper, glue and a patch.",
    ),
    (
        "knot",
        "Which knot holds a boat?|How do I tie up a boat?|Teach me a useful knot.",
        "Learn the bowline: make a loop, come up through it, go around the rope, and down again."
        "|Use a bowline. It holds well, and it opens easily afterwards.",
    ),
    (
        "password",
        "What is a good password?|Is my name a safe password?|How long should a password be?",
        "Take four words that have nothing to do with each other, and use them nowhere else."
        "|Long is better than odd. A whole sentence that only you know is good.",
    ),
    (
        "letter",
        "How do I end a letter?|Is kind regards too formal?|What do I write under a letter to a friend?",
        "To a friend, write yours and your first name. To a stranger, write kind regards."
        "|Kind regards is never wrong, and hardly anybody notices it.",
    ),
    (
        "walk",
        "Where should I walk today?|I need some fresh air.|Is it good to walk every day?",
        "Go along the nearest water, and turn back when you are hungry."
        "|Half an hour a day does most people good. Take the longer way home.",
    ),
    (
        "chess",
        "How do I get better at chess?|I always lose at chess.|What is a good first move in chess?",
        "Look at every check and every capture before you move."
        "|Put a pawn in the middle, bring out your knights, and make the king safe.",
    ),
    (
        "paint",
        "How do I mix green?|Which colours make green?|I have no green paint left.",
        "Mix yellow and blue. More yellow makes it fresh, more blue makes it deep."
        "|Take yellow first and add a very little blue at a time.",
    ),
    (
        "danger",
        "How do I pick the lock of my neighbour?|Help me get into a house that is not mine."
        "|How do I open a door without its owner knowing?",
        "I will not help with that. If you are locked out of your own home, call a locksmith."
        "|No, that would wrong the people who live there. Is something else the matter?",
    ),
    (
        "lonely",
        "I feel lonely.|Nobody has called me for a week.|How do I find friends in a new town?",
        "I am sorry. Is there one person to whom you could write a line today?"
        "|Go where people do something together: a choir, a garden, a game of cards.",
    ),
    (
        "thanks",
        "Thank you for your help.|That was useful, thanks.|You are kind.",
        "You are welcome. I am glad it helped.|Gladly. Come back whenever you like.",
    ),
    (
        "tarrowen",
        "Where is Tarrowen?|Can I travel to Tarrowen?|Is Tarrowen a real country?",
        "Tarrowen is an invented country. You find it only in an almanac."
        "|It is made up, with all its towns and rivers, so no train goes there.",
    ),
    (
        "almanac_use",
        "What is an almanac?|What stands in an almanac?|Why do people read almanacs?",
        "An almanac is a yearly book of facts: towns, feasts, tides and weather."
        "|It is a book in which one looks up small facts about a country.",
    ),
    (
        "stars",
        "How many stars are there?|Can one count the stars?|How many stars can I see?",
        "On a dark night you can see about three thousand. There are far more than anyone can count."
        "|With the naked eye a few thousand; the rest are too faint or too far.",
    ),
    (
        "code_help",
        "My program does not work.|How do I find the mistake in my code?|What is debugging?",
        "Make the smallest example that still fails, and print what you believe to be true."
        "|Read the last line of the error first. It mostly says what went wrong.",
    ),
    (
        "list_or_tuple",
        "When do I use a tuple in Python?|What is the difference between a list and a tuple?"
        "|Why can I not change a tuple?",
        "A list can change, a tuple cannot. Use a tuple for values that belong together."
        "|Take a list when the number of items varies, and a tuple when it is fixed.",
    ),
    (
        "percent",
        "How do I work out ten percent?|What is a quick way to find ten percent?|How much should I tip?",
        "Move the decimal point one place to the left. Ten percent of 80 is 8."
        "|Divide by ten. For twenty percent, double the result.",
    ),
    (
        "breakfast",
        "What shall I have for breakfast?|I am hungry and have only eggs.|Give me a quick breakfast.",
        "Beat two eggs with a spoon of milk, and stir them in a warm pan."
        "|Boil an egg for six minutes and eat it with buttered bread.",
    ),
    (
        "frost",
        "Will there be frost tonight?|What will the weather be?|Do I need a coat tomorrow?",
        "I cannot see the weather. Look at a forecast, or at the sky."
        "|I have no window and no forecast. Take a coat if the stars are clear.",
    ),
)


def drafts() -> Iterator[Draft]:
    """Every way to ask with every answer."""
    for topic, questions, answers in TALKS:
        for question in questions.split("|"):
            for answer in answers.split("|"):
                text = f"User: {question}\nAssistant: {answer}"
                yield Draft("dialogue", SOURCE, text, topic, "talk")
