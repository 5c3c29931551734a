package bench

var country, small = workload{id: "W6"}, workload{id: "W7"}
