#!/usr/bin/env python3
"""Write a C file that holds a text file's bytes: embed.py INPUT OUTPUT NAME."""
import sys

source, target, name = sys.argv[1:]
data = open(source, "rb").read()
with open(target, "w") as out:
    out.write('#include <stddef.h>\nextern const unsigned char %s[];\nextern const size_t %s_size;\nconst unsigned char %s[] = {' % (name, name, name))
    for i, byte in enumerate(data):
        out.write("%s%d," % ("\n    " if i % 24 == 0 else "", byte))
    out.write("\n    0};\nconst size_t %s_size = %d;\n" % (name, len(data)))
