def Dim(name):
    return name
