"""Run many command lines in this one process: starting Python takes longer than the commands.

Standard input: a JSON array of [settings, words, standard input]; output: [code, out, err] each.
"""

import json
import os
import sys

from typer.testing import CliRunner

from axon_factory.cli.main import app

cases = json.load(sys.stdin)
answers = []
for settings, words, given in cases:
    result = CliRunner(env=settings).invoke(app, words, input=given)
    answers.append([result.exit_code, result.stdout, result.stderr])
json.dump(answers, sys.stdout)
sys.stdout.flush()
os._exit(0)  # taking the interpreter down touches, and so copies, all that the fork shares
