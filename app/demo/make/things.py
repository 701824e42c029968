"""What the towns of Tarrowen make, eat and celebrate; its books, songs, devices and beasts.

Every answer is listed once, so that a fact's answer belongs to one fact only.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(" ".join(item.split()) for item in text.split(","))


EXPORTS = _lines(
    """blue glass, ruby glass, beeswax candles, floating candles, striped cloth, waxed cloth,
    copper kettles, whistling kettles, tarred rope, silk rope, heather honey, black honey,
    walnut clocks, tower clocks, pink salt, smoked salt, marbled paper, rice paper, pear cider,
    frost cider, felt boots, riding boots, oak violins, maple violins, sheep bells, harbour bells,
    bobbin lace, black lace, pruning knives, oyster knives, green ink, walnut ink, goat cheese,
    nettle cheese, roof tiles, singing tiles, willow baskets, fish baskets, star maps, sea maps,
    pine soap, rose soap, paper lanterns, storm lanterns, grey pottery, glazed pottery,
    plum mustard, hot mustard, racing saddles, mule saddles, horn combs, tin combs, square nails,
    boat nails, cherry vinegar, apple vinegar, velvet ribbons, plaid ribbons, chess boards,
    weather vanes"""
)

FESTIVALS = _lines(
    """the Lantern Fair, the Night of Kites, the Feast of Barrels, the Goose Parade,
    the Day of Bells, the Snow Wedding, the Apple Race, the Blessing of Boats, the Mask Supper,
    the Candle Walk, the Week of Drums, the Straw Bear Dance, the Onion Crowning,
    the Silent Market, the Thousand Spoons, the Moonlight Regatta, the Burning of Hats,
    the Honey Vigil, the Ribbon Dance, the Ladder Games, the Feast of Two Soups, the Owl Evening,
    the Mirror Festival, the Stone Rolling, the Paper Boat Night, the Harvest Duel,
    the Ringing of Glasses, the Blue Procession, the Wool Carnival, the Baker's Holiday,
    the Frog Choir, the Umbrella March, the Lost Shoe Hunt, the Chimney Concert,
    the Feast of Seven Pies, the Whistling Contest, the Winter Swim, the Cart Regatta,
    the Bonfire of Keys, the Rose Auction"""
)

ARMS = _lines(
    """a silver heron, a red squirrel, three golden bees, a black swan, a white stag,
    two crossed oars, a green dragonfly, a sleeping fox, a crowned toad, a burning pine,
    a blue whale, an iron hedgehog, a dancing hare, a broken wheel, a scarlet cockerel,
    an armoured snail, a winged ram, five acorns, a yellow lighthouse, a two-headed trout,
    a rearing goat, a raven with a ring, an open gate, a grey wolfhound, a kneeling ox,
    a copper sun, a laughing otter, a tower of cards, a silver thimble, a striped badger,
    a coiled adder, a purple thistle, an hourglass, a peacock feather, a milk-white mole,
    a ladder of stars, a flying salmon, a lynx in snow, a bronze beetle, a velvet glove"""
)

DISHES = _lines(
    """eel pie with sorrel, barley soup with plums, smoked carp in cream, chestnut dumplings,
    nettle pancakes, mutton baked in hay, pickled quince, cabbage stuffed with pears,
    duck in black cherry sauce, leek and oyster stew, rye porridge with honey, fried elderflowers,
    goose with red cabbage, trout in almond crust, beetroot tart, turnip gratin,
    buckwheat noodles, crab on toast, rabbit in mustard, onion cake, walnut ravioli,
    saffron buns, pea soup with ham, gooseberry pudding, herring in oatmeal, mushroom strudel,
    lentils with bacon, rose petal jelly, cider-braised pork, potato bread"""
)

BOOKS = _lines(
    """The Salt Almanac, A Winter of Small Lies, The Glass Orchard, Letters to a Lighthouse,
    The Ferryman's Daughter, Nine Ways to Lose a Kite, The Book of Quiet Doors,
    The Clockmaker's Debt, Under the Juniper Moon, The Weight of Feathers,
    A History of Puddles, The Last Cartographer, Songs for Deaf Birds, The Tailor of Rain,
    Seven Bridges Home, The Patient Wolf, An Atlas of Crumbs, The Ink Harvest,
    Rooms Without Corners, The Beekeeper at War, A Grammar of Wind, The Copper Moth,
    Where the Snow Sleeps, The Baron's Umbrella, Thirteen Ordinary Miracles,
    The Cellar of Stars, A Fox in the Choir, The Drowned Library, Notes from a Windmill,
    The Unlucky Admiral"""
)

SONGS = _lines(
    """Rain on the Millwheel, The Lamplighter's Waltz, Come Home Grey Goose, The Brass Nightingale,
    Hymn to the Ferry, Barley Moon, The Orphan's Reel, When Thistles Sing, March of the Snails,
    My Lady of the Fog, The Bell Beneath the Lake, Tinker's Farewell, Lullaby for an Owl,
    The Seventh Haystack, Dance of the Pewter Cups, Never Trust a Heron, The Cold Harbour,
    Three Wet Sailors, The Miller's Ghost, Candles in the Orchard, A Toast to Winter,
    Over the Bridge of Reeds, The Sleepy Dragoon, Apples for the King"""
)

DEVICES = _lines(
    """tide clock, folding ladder, steam loom, cherry stoner, pocket sundial, rain organ,
    spring-heeled boot, self-winding kite, snow plough, candle alarm, bottle telescope,
    walking chair, ink filter, wind piano, mole trap, double-sided map, silent whistle,
    butter engine, hedge cutter, underwater lamp, egg scale, fog horn, paper umbrella,
    turnip press, bell pump, feather pen case, leather balloon, mirror signal, oat mill,
    chimney brush"""
)

LAKES = _words(
    """
    Mirrowen Skelder Iddle Farrowmere Gloam Sorrin Tessel Undra Vannock Wissen Yarnley Amberlin
    Brannoch Cleyver Dimmel Erroch Finwater Grummel Hestel Ilvery Jossan Korrin Lyme Moonley
    """
)

BEASTS = _lines(
    """a white eel, a talking pike, the ghost of a miller, a giant newt, a drowned bell-ringer,
    a one-eyed swan, a glass carp, a sleeping giant, a blind otter, a singing toad, a golden crab,
    a headless rider, a lady made of reeds, a black water horse, twelve enchanted geese,
    a moss-covered bull, a weeping tortoise, an old stone crocodile, a family of water goblins,
    a silver sturgeon, a beaver king, a serpent with a beard, a jealous mermaid,
    a cat that walks on ice"""
)

MOUNTAINS = _words(
    """
    Aldgrim Barrowhorn Cragmor Dunfell Everstone Frostan Gannet Hornspire Irongar Jutberg Keldor
    Longback Morgast Nethercrag Orrest Pikeron Rookstan Skarrow Thundrel Wyvern
    """
)

SHIPS = _lines(
    """Silver Petrel, Merry Widow, Northern Lamp, Saint Orlan, Grey Gull, Patience, Blue Anchor,
    Golden Turnip, Swift Otter, Morning Tide, Iron Rose, Faithful Anna, Black Teapot,
    Evening Star, Lucky Barrel, Honest Miller, Winter Queen, Old Contrary, Sea Lantern,
    Wandering Goat"""
)
