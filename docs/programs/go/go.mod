module towpath/programs

go 1.27
