package attest

import "github.com/muster-log/muster/internal/strictjson"

func readRequest(root strictjson.Value) (*Request, error) {
	if err := members(root, []string{"nonce"}, []string{"credential", "profile"}); err != nil {
		return nil, err
	}
	r := &Request{}
	var err error
	if r.Nonce, err = readDigest(root.Member("nonce")); err != nil {
		return nil, err
	}
	if v := root.Member("profile"); v.Exists() {
		if r.Profile, err = readName(v, MaxProfile); err != nil {
			return nil, err
		}
	}
	if v := root.Member("credential"); v.Exists() {
		if err := members(v, []string{"encSecret", "idObject"}, nil); err != nil {
			return nil, err
		}
		r.Credential = &Credential{}
		if r.Credential.EncSecret, err = readBytes(v.Member("encSecret"), 1, maxEncSeed); err != nil {
			return nil, err
		}
		if r.Credential.IDObject, err = readBytes(v.Member("idObject"), 1, maxIDObject); err != nil {
			return nil, err
		}
	}
	return r, nil
}
