module github.com/atollsync/atoll

go 1.26.8
