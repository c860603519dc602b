package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// maxPack bounds what one fetch may send.
const maxPack = 512 << 20

// maxPacks is how many fetches add to what is in memory before it is fetched
// anew without what is no longer needed.
const maxPacks = 32

// conversation is one exchange with a service of git (git help protocol-v2 calls
// it version 0): names first, then at most one pack, to us or from us.
type conversation interface {
	advertise(ctx context.Context) (*packp.AdvRefs, error)
	request(ctx context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error)
	// send sends a whole request as it is, and returns what is answered.
	send(ctx context.Context, body []byte) (io.ReadCloser, error)
	close() error
}

// remote is a repository behind a network. What was fetched is kept in memory,
// as packs. Only the holder of the source's turn uses it.
type remote struct {
	dial    dialing
	objects *objects
	// cut are the commits that were fetched without their parents.
	cut map[plumbing.Hash]bool
	// tip is the newest commit that was fetched.
	tip plumbing.Hash
	// whole reports that the history was fetched too, and is kept up.
	whole bool
}

func openRemote(loc location, c Config) (*remote, error) {
	dial, err := dialer(loc, c.Auth)
	if err != nil {
		return nil, err
	}
	return &remote{dial: dial, objects: &objects{depot: &depot{}}, cut: map[plumbing.Hash]bool{}}, nil
}

func (r *remote) store() *objects { return r.objects }

func (r *remote) close() error {
	r.objects.mu.Lock()
	defer r.objects.mu.Unlock()
	return r.objects.depot.close()
}

func (r *remote) look(ctx context.Context) (look, error) {
	l := &remoteLook{remote: r}
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// remoteLook is what a remote advertised, and the conversation that goes on.
type remoteLook struct {
	mapRefs
	remote *remote
	talk   conversation
	caps   *capability.List
	// spent: a pack was asked for, and nothing else can be.
	spent bool
}

func (l *remoteLook) connect(ctx context.Context) error {
	talk, err := l.remote.dial(ctx, uploadPack)
	if err != nil {
		return err
	}
	adv, err := talk.advertise(ctx)
	if err != nil {
		_ = talk.close() // it says less than err
		return err
	}
	l.talk, l.spent, l.caps = talk, false, adv.Capabilities
	l.mapRefs = advertised(adv)
	return nil
}

func advertised(adv *packp.AdvRefs) mapRefs {
	m := mapRefs{ids: maps.Clone(adv.References)}
	if adv.Head != nil {
		m.ids["HEAD"] = *adv.Head
	}
	for _, sym := range adv.Capabilities.Get(capability.SymRef) {
		if to, ok := strings.CutPrefix(sym, "HEAD:"); ok && validRef(to) {
			m.head = to
		}
	}
	return m
}

func (m mapRefs) ofKind(dirs ...string) []plumbing.Hash {
	set := map[plumbing.Hash]bool{}
	for name, id := range m.ids {
		if slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			set[id] = true
		}
	}
	return slices.Collect(maps.Keys(set))
}

func (l *remoteLook) close() error { return l.talk.close() }

func (l *remoteLook) shallow() (map[plumbing.Hash]bool, error) { return l.remote.cut, nil }

// fetch gets one commit without its history, or, once the history is here, all
// that is new.
func (l *remoteLook) fetch(ctx context.Context, id plumbing.Hash) error {
	r := l.remote
	if r.objects.has(id) {
		return nil
	}
	fresh := !r.whole && len(r.objects.depot.packs) >= maxPacks
	req := wanting(l.caps, id)
	if !r.tip.IsZero() && !fresh {
		req.Haves = []plumbing.Hash{r.tip}
		if l.caps.Supports(capability.ThinPack) && l.caps.Supports(capability.OFSDelta) {
			mustSet(req.Capabilities, capability.ThinPack)
		}
	}
	if l.caps.Supports(capability.Shallow) && !r.whole {
		mustSet(req.Capabilities, capability.Shallow)
		req.Depth = packp.DepthCommits(1)
		if !fresh {
			req.Shallows = slices.Collect(maps.Keys(r.cut))
		}
	}
	resp, got, err := l.pack(ctx, req)
	if err != nil {
		return err
	}
	if fresh {
		r.replace(got)
	} else {
		r.add(got)
	}
	r.cutAt(resp)
	if !r.objects.has(id) {
		return fmt.Errorf("%w: the server left out %s, which was asked for", errProtocol, id)
	}
	if c, err := r.objects.commit(id); err == nil {
		r.tip = c.Hash
	}
	return nil
}

// fetchAll gets everything that branches and tags reach.
func (l *remoteLook) fetchAll(ctx context.Context) error {
	r := l.remote
	wants := l.ofKind("refs/heads/", "refs/tags/")
	if len(wants) == 0 || r.whole && !slices.ContainsFunc(wants, func(id plumbing.Hash) bool { return !r.objects.has(id) }) {
		return nil
	}
	_, got, err := l.pack(ctx, wanting(l.caps, wants...))
	if err != nil {
		return err
	}
	r.replace(got)
	r.whole, r.cut = true, map[plumbing.Hash]bool{}
	return nil
}

// precedes asks the server for what child has and old has not. It is all
// between them if old is an ancestor, and then something in it has old as its
// parent; otherwise nothing has.
func (l *remoteLook) precedes(ctx context.Context, old, child plumbing.Hash) (bool, error) {
	here := history{l, l.remote.objects, l.remote.cut}
	if yes, err := precedes(ctx, here, old, child); yes || err == nil {
		return yes, err
	} else if !errors.Is(err, ErrShallow) && !errors.Is(err, ErrUnknownRevision) {
		return false, err
	}
	req := wanting(l.caps, child)
	req.Haves = []plumbing.Hash{old}
	if l.caps.Supports(capability.Filter) {
		mustSet(req.Capabilities, capability.Filter)
		req.Filter = packp.FilterTreeDepth(0) // commits alone
	}
	resp, got, err := l.pack(ctx, req)
	if said := (*remoteError)(nil); errors.As(err, &said) {
		// Only tips of branches may be asked for at some servers: ask for all.
		if err := l.fetchAll(ctx); err != nil {
			return false, err
		}
		return precedes(ctx, history{l, l.remote.objects, l.remote.cut}, old, child)
	}
	if err != nil {
		return false, err
	}
	known := slices.Contains(resp.ACKs, old) || l.remote.objects.has(old)
	yes, err := anyChildOf(old, &objects{depot: &depot{packs: got}})
	if err == nil && !yes && !known {
		err = fmt.Errorf("%s: %w", old, ErrUnknownRevision)
	}
	return yes, err
}

func anyChildOf(old plumbing.Hash, o *objects) (bool, error) {
	all, err := o.withPrefix("")
	if err != nil {
		return false, err
	}
	for _, id := range all {
		c, err := o.commit(id)
		if err != nil {
			return false, err
		}
		if slices.Contains(c.ParentHashes, old) {
			return true, nil
		}
	}
	return false, nil
}

// wanting begins a request with what both sides can do.
func wanting(caps *capability.List, ids ...plumbing.Hash) *packp.UploadPackRequest {
	req := packp.NewUploadPackRequest()
	if caps.Supports(capability.OFSDelta) {
		mustSet(req.Capabilities, capability.OFSDelta)
	}
	if caps.Supports(capability.Sideband64k) {
		mustSet(req.Capabilities, capability.Sideband64k)
	}
	if caps.Supports(capability.Agent) {
		mustSet(req.Capabilities, capability.Agent, "gatewright")
	}
	req.Wants = ids
	return req
}

// mustSet sets a capability that takes these values; it fails for others only.
func mustSet(l *capability.List, c capability.Capability, values ...string) {
	if err := l.Set(c, values...); err != nil {
		panic(fmt.Sprintf("set capability %s: %v", c, err))
	}
}

// pack sends a request and takes up the pack that it is answered with.
func (l *remoteLook) pack(ctx context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, []*pack, error) {
	if l.spent {
		_ = l.talk.close() // it is done with
		if err := l.connect(ctx); err != nil {
			return nil, nil, err
		}
	}
	l.spent = true
	resp, err := l.talk.request(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	var r io.Reader = resp
	if req.Capabilities.Supports(capability.Sideband64k) {
		r = sideband.NewDemuxer(sideband.Sideband64k, resp)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxPack+1))
	if err = errors.Join(err, resp.Close()); err != nil {
		return nil, nil, fmt.Errorf("%w: receive pack: %w", errProtocol, err)
	}
	if len(raw) > maxPack {
		return nil, nil, fmt.Errorf("%w: the server sends more than %d bytes", errTooLarge, int64(maxPack))
	}
	if req.Capabilities.Supports(capability.ThinPack) {
		read := func(id plumbing.Hash) (object, error) { return l.remote.objects.read(id, maxInflated) }
		if raw, err = completeThin(raw, read); err != nil {
			return nil, nil, err
		}
	}
	packs, err := indexPack(raw)
	return resp, packs, err
}

func (r *remote) add(got []*pack) {
	r.objects.mu.Lock()
	defer r.objects.mu.Unlock()
	r.objects.depot.packs = append(got, r.objects.depot.packs...)
}

// replace lets go of all packs but the last ones, which readers of an earlier
// snapshot may still be at.
func (r *remote) replace(got []*pack) {
	r.objects.mu.Lock()
	defer r.objects.mu.Unlock()
	before := &depot{packs: r.objects.depot.packs}
	r.objects.depot = &depot{packs: got, borrowed: []*depot{before}}
	r.cut = map[plumbing.Hash]bool{}
}

func (r *remote) cutAt(resp *packp.UploadPackResponse) {
	for _, id := range resp.Shallows {
		r.cut[id] = true
	}
	for _, id := range resp.Unshallows {
		delete(r.cut, id)
	}
}
