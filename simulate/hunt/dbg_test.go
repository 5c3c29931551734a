package hunt
import ("testing";"os";"fmt";"strconv";"github.com/atollsync/atoll";"github.com/atollsync/atoll/storage")
func TestDbg(t *testing.T){
 seed,_:=strconv.ParseUint(os.Getenv("SEED"),10,64)
 none:=map[string]int{}
 if os.Getenv("FAULTS")=="none" { for _,f:=range Faults(){none[f.Name]=0} }
 key:=atoll.Key{Type:atoll.Type(os.Getenv("TYPE")),ID:atoll.ID(os.Getenv("ID"))}
 release:=entropy.take(); defer release()
 w,err:=begin(t.Context(),Tell(seed,Settings{Dials:none})); if err!=nil{t.Fatal(err)}
 last:=map[string]string{}
 look:=func(step string){
  for _,n:=range w.Nodes(){ if n==nil||!w.Alive(n){continue}
   _=n.Store.View(t.Context(),func(r storage.Reader)error{ rec,err:=r.Record(key); s:=""; if err==nil{ s=fmt.Sprint(rec.Version," ",rec.Origin," hidden ",rec.Hidden," ",rec.Audiences," ",string(rec.Body))}
    if last[n.Name]!=s { last[n.Name]=s; fmt.Println(w.When(),step,n.Name,s)}; return nil}) } }
 for i,s:=range w.story.Steps { w.beginStep(i,s); w.tally.count(s.Kind,w.do(s)); w.endStep(); look(fmt.Sprint(i," ",s.Kind)) }
 w.makePeace(); look("peace")
 _=w.Centre.Store.View(t.Context(),func(r storage.Reader)error{ rs,_:=r.Refusals(0,false,0,0); for _,x:=range rs{ fmt.Println("refusal",x.ID,x.Site,x.Seq,x.Code,x.Subject,x.Behind,x.State,x.Message)}; return nil})
 if os.Getenv("LINES")!=""{ for _,l:=range w.lines{fmt.Println(l)} }
}
