"""The names of Tarrowen, the invented country of the almanac."""

from __future__ import annotations

import random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TOWNS = _words(
    """
    Brenholt Calwick Dunmarrow Eskerby Fennimoor Garrowind Halvershaw Ithcombe Jorlund Kelminster
    Lorstrand Marrowgate Norvik Ostermouth Pellhaven Quennock Rosthaven Selderwyn Tarnby Ulverdun
    Varlow Wendrith Yarrowick Zelmond Ambergard Birkenfen Crathorn Dellimar Elmswater Farrowdun
    Gristhorp Hexmoor Inverlith Kestrelby Lanterby Mossgard Netherwyn Oakrill Peverin Ravenlith
    Silverund Thistlemar Umberlow Vintrell Wolverin Astermoor Brackwater Corvendale Draymoor
    Emberwick Felsgarth Glimmerfoss Harkenby Isenfold Korrimund Lindisfell Mistrand Nimbrook
    Orrinshaw Pomeroth
    """
)

FIRST_NAMES = _words(
    """
    Maren Odran Ilsa Tobin Sunniva Corvin Edda Halvard Linnet Osric Petra Rowan Signe Tamsin Ulric
    Vesna Wystan Yorick Zelda Anselm Bettina Caspian Dorrit Emeric Frida Gideon Hedda Ivo Jonna
    Kester Lorna Magnus Nerys Orla Piers Quill Rosalin Stellan Thora Una Viggo Willa Ansgar Brida
    Clement Dagny Eskil Flora Gunnar Hester Isolde Jasper Katla Leif Mirabel Nils Ottilie Perrin
    Ragna Saskia Torvald Ursel Valdis Wendel Ylva Alaric Berit Cosmo Delphine
    """
)

_SURNAME_STARTS = _words(
    """
    Ard Bal Bex Cad Cor Dav Del Dren El Fal Fen Gar Gil Gro Had Hol Ing Jar Kel Ker Lam Lor Mal Mer
    Mond Nar Nev Ol Pas Pen Quar Ras Rud Sal Ses Tal Tis Tor Und Val Ves Wat Wex Yel Zan
    """
)
_SURNAME_ENDS = _words(
    """
    rick sund mont arin ander win kell bard low gard holm stin wen ford lock dish
    """
)

_RIVER_STARTS = "Ash Bel Cri Dru Esk Fal Gly Hol Isk Kel Lun Mir Nar Oss Pel Rim Sil Tol Und Wev"
_RIVER_ENDS = "lun mere ven ora wyn ith enna arrow"

VILLAGES = _words(
    """
    Appleden Barrowby Coldash Duckmanton Eelbrook Foxley Goosegreen Haycross Inkberrow Jackstow
    Knotting Larkhill Mallowend Nettlestead Otterham Plumley Quarley Rushmere Saltersgate Tansyhill
    Upwater Vineycot Whinfield Yewdale Bramblecot Cloverton Dovecliff Elderbeck Fernhope Gorsebank
    """
)


def people(randomness: random.Random, count: int) -> list[str]:
    """Full names, every surname used once."""
    surnames = [start + end for start in _SURNAME_STARTS for end in _SURNAME_ENDS]
    chosen = randomness.sample(surnames, count)
    return [f"{FIRST_NAMES[i % len(FIRST_NAMES)]} {surname}" for i, surname in enumerate(chosen)]


def rivers(randomness: random.Random, count: int) -> list[str]:
    """River names, all different."""
    all_names = [a + b for a in _RIVER_STARTS.split() for b in _RIVER_ENDS.split()]
    return randomness.sample(all_names, count)
