"""Removal of repeated text: pure functions over Arrow and numpy, run by any engine.

Each method has row functions, which see the texts of a few documents at a time and can run in any
process, and global functions, which see small columns (numbers, hashes) of the whole corpus.

A document's number is its place in the corpus: by source in the order of the configuration, file
and row. Wherever one copy of several is kept, it is the one of the smallest number; so what is
kept does not depend on the number of workers.

Hashes follow from code points, the Unicode version of the interpreter and constants of this
package alone; texts are expected to be normalised (NFC or NFKC) before.
"""
