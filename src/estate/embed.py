#!/usr/bin/env python3
"""Write a C file that holds the files of a folder: embed.py FOLDER OUTPUT NAME. The table, called NAME, ends with a row without path."""
import os
import sys

folder, target, name = sys.argv[1:]
paths = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, files in os.walk(folder) for f in files)
with open(target, "w") as out:
    out.write('#include "estate/example.h"\n')
    for number, path in enumerate(paths):
        data = open(os.path.join(folder, path), "rb").read()
        out.write("static const unsigned char file_%d[] = {" % number)
        for i, byte in enumerate(data):
            out.write("%s%d," % ("\n    " if i % 24 == 0 else "", byte))
        out.write("\n    0};\n")
    out.write("const struct example_file %s[] = {\n" % name)
    for number, path in enumerate(paths):
        out.write('    {"%s", file_%d, sizeof file_%d - 1},\n' % (path, number, number))
    out.write("    {0}};\n")
