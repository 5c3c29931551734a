package demo

var storeC, storeD, storeE, storeF, chains, mirror, lastings []scenario
