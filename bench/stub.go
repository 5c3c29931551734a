package bench

var idle, few, wide, country, small = workload{id: "W3"}, workload{id: "W3b"}, workload{id: "W4"}, workload{id: "W6"}, workload{id: "W7"}
