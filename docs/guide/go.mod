module towpath/guide

go 1.27
