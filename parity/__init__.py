"""Do several models compute the same?"""
