# nothing is done: the answer is 412
