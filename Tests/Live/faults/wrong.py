WRONGS = {}
