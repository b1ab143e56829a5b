"""Words that carry no content by themselves, folded as ``terms.fold`` does. Question words and
the verbs that only carry a question are among them: they say what is asked, not about what.
"""

from __future__ import annotations

_ENGLISH = """
a about above after again against all also am an and another any are arent as at be because been
before being below between both but by can cannot cant could couldnt d did didnt do does doesnt
doing done dont down during each either else ever every few for from further get gets getting got
had hadnt has hasnt have havent having he hed her here hers herself him himself his how however i
id if ill im in into is isnt it its itself ive just let lets ll may me might mine more most much
must my myself neither no nor not now of off on once one only onto or other others our ours
ourselves out over own please quite re really s same shall she should shouldnt so some someone
something such t than thanks that thats the their theirs them themselves then there theres these
they theyre this those though through to too under until up upon us ve very was wasnt we were
werent what whatever whats when where which while who whom whos whose why will with within without
wont would wouldnt yes yet you youd youll your youre yours yourself youve
"""

_FRENCH = """
a afin ai aie ait alors apres as assez au aucun aucune aujourdhui aura aurait aussi autre autres
aux avaient avais avait avant avec avez avoir avons ayant beaucoup bien c ca car ce ceci cela celle
celles celui ces cet cette ceux chaque chez ci combien comme comment d dans de depuis des deux
donc dont du elle elles en encore entre es est estce et etaient etais etait etant ete etes etre eu
eux fait faire fait font fois hors ici il ils j je jusqu l la le les leur leurs lors lorsque lui m
ma mais me meme memes mes mien moi moins mon n ne ni non nos notre nous on ont ou par parce parmi
pas pendant peu peut peuvent peux plus plusieurs pour pourquoi pourrait pouvez pouvoir puis puisque
qu quand que quel quelle quelles quels quelquun quelque quelques qui quoi s sa sans se sera serait
ses si sien soit sommes son sont sous suis sur t ta tandis te tes toi ton tous tout toute toutes
tres trop tu un une va vers veut veux voici voila vos votre vous vu y
"""

STOP_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(_ENGLISH.split()),
    "fr": frozenset(_FRENCH.split()),
}
"""Language → its stop words."""
