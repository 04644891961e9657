# nothing is done: the answer is 400 mutability
