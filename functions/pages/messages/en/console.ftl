## Staff's console
