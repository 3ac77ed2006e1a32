-- Which service fetched which key expires: each service finds its own by their age.
CREATE INDEX key_use_age ON key_use (service, hour);
